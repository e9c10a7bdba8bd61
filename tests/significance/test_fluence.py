"""Expected neutrinos and fluences: against integration, IceCube-170922A, and the files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from scipy import integrate, stats

from icecube_hooks import ConfigError
from icecube_plugin.cli.command import main
from icecube_plugin.significance import (
    EffectiveArea,
    PowerLaw,
    PValueError,
    poisson_limit,
    read_effective_area,
)

EHE = Path(__file__).parent / "effective_area_ehe.ecsv"
HALF_YEAR_S = 0.5 * 365.25 * 86_400


def test_icecube_170922a() -> None:
    """One alert in half a year: E^2 F of 5.5e-11 erg/cm2/s at 10 deg, arXiv:1807.08816, fig. 4.

    Area and flux are both read off figures, to about 10 %.
    """
    area = read_effective_area(EHE, dec_deg=5.7)
    spectrum = PowerLaw(index=2.0, low_tev=200.0, high_tev=10_000.0, pivot_tev=1000.0)
    fluence = area.fluence(spectrum)
    assert spectrum.e2_erg(fluence) / HALF_YEAR_S == pytest.approx(5.5e-11, rel=0.1)
    assert area.expected(spectrum, fluence) == pytest.approx(1.0)
    none_seen = area.upper_limit(spectrum)
    assert none_seen / fluence == pytest.approx(2.302585, rel=1e-6)


@pytest.mark.parametrize("index", [1.0, 1.5, 2.0, 2.0 + 1e-12, 2.13, 3.7])
def test_integrals(index: float) -> None:
    spectrum = PowerLaw(index=index, low_tev=0.3, high_tev=5000.0, pivot_tev=10.0)

    def per_log(log_e: float, power: float) -> float:
        return math.exp((1 + power) * log_e - index * (log_e - math.log(10.0)))

    edges = math.log(0.3), math.log(5000.0)
    count, _ = integrate.quad(per_log, *edges, args=(0.0,), epsrel=1e-10)
    energy, _ = integrate.quad(per_log, *edges, args=(1.0,), epsrel=1e-10)
    assert spectrum.particles(0.0, 1e9) == pytest.approx(count, rel=1e-8)
    assert spectrum.energy_erg(2.0) == pytest.approx(2.0 * energy * 1.602176634, rel=1e-8)
    assert spectrum.particles(1.0, 20.0) + spectrum.particles(20.0, 99.0) == pytest.approx(
        spectrum.particles(1.0, 99.0)
    )
    assert spectrum.particles(1e4, 1e5) == 0.0


def test_units() -> None:
    """1 m^2 from 1 to 10 TeV, F = 1e-4 (E / 1 TeV)^-2 / TeV / cm^2: 0.9."""
    area = EffectiveArea(edges_tev=[(1.0, 10.0)], area_cm2=[1e4])
    spectrum = PowerLaw(index=2.0, low_tev=0.1, high_tev=100.0, pivot_tev=1.0)
    assert area.expected(spectrum, 1e-4) == pytest.approx(0.9)
    assert spectrum.e2_erg(1.0) == pytest.approx(1.602176634)
    with pytest.raises(PValueError, match="effective area above 0"):
        area.fluence(PowerLaw(index=2.0, low_tev=20.0, high_tev=30.0))
    with pytest.raises(PValueError, match="the lower first"):
        PowerLaw(index=2.0, low_tev=20.0, high_tev=10.0)


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_poisson_limit(n: int, confidence: float) -> None:
    limit = poisson_limit(n, confidence)
    assert stats.poisson.cdf(n, limit) == pytest.approx(1 - confidence)
    with pytest.raises(PValueError, match="whole number from 0"):
        poisson_limit(-1)


def test_a_file_of_a_release(tmp_path: Path) -> None:
    file = tmp_path / "IC86_II_effectiveArea.csv"
    head = "# log10(E_nu/GeV)_min log10(E_nu/GeV)_max Dec_nu_min[deg] Dec_nu_max[deg] A_Eff[cm^2]"
    rows = ["3.0 4.0 -90.0 0.0 5.0", "3.0 4.0 0.0 90.0 100.0", "4.0 5.0 0.0 90.0 200.0"]
    file.write_text("\n".join([head, *rows]))
    north = read_effective_area(file, dec_deg=90.0)
    assert list(north.area_cm2) == [100.0, 200.0]
    assert north.edges_tev[1] == pytest.approx((10.0, 100.0))
    assert list(read_effective_area(file, dec_deg=-0.1).area_cm2) == [5.0]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fluence", str(EHE), "--dec", "5.7", "--energies", "200", "10000", "--pivot", "1000"]
    assert main([*words, "--days", "182.625", "--seen", "1"]) == 0
    first, one, flux, limit, _, last = capsys.readouterr().out.splitlines()
    assert first == "E^-2 from 200 to 10000 TeV, declination +5.7 deg"
    assert one.startswith("one neutrino expected at E^2 F = 0.000915 erg/cm2 at 1000 TeV, in all")
    assert flux.startswith("  over 182.625 d: 5.8e-11 erg/cm2/s")
    assert limit.startswith("upper limit (1 seen, 90%): E^2 F = 0.00356 erg/cm2")
    assert last.startswith("one alert does not measure a flux")
    assert main([*words, "--e2", "0.001", "--json"]) == 0
    expected = json.loads(capsys.readouterr().out)["n_expected"]
    assert expected == pytest.approx(0.001 / 0.000915, rel=1e-3)
    assert main([*words, "--confidence", "2"]) == 2
    assert "got 2.0" in capsys.readouterr().err
    assert main(["fluence", "/nowhere", "--dec", "1", "--energies", "1", "2"]) == 2
    assert "cannot read /nowhere: No such file" in capsys.readouterr().err


def test_a_table_states_its_units(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no effective area at declination 31 deg"):
        read_effective_area(EHE, dec_deg=31.0)
    plain = tmp_path / "plain.csv"
    plain.write_text("energy_low,energy_high,area\n1,10,5\n")
    with pytest.raises(ConfigError, match="column 'energy_low' states no unit"):
        read_effective_area(plain, dec_deg=0.0)
    with pytest.raises(ConfigError, match=r"cannot read .*none\.csv: No such file"):
        read_effective_area(tmp_path / "none.csv", dec_deg=0.0)
