"""Readers: one module per wire format, each a plugin with a parser.

Every reader goes from bytes to named raw values, and puts them into a `_draft.Draft`, the one
place where raw values become an `Alert`. So the same event gives the same alert whatever its
format, and what is a placeholder is decided once.

How strict they are
-------------------
- A value that identifies or locates the event (kind, ids, revision, trigger time, position,
  p-values) and is present but impossible makes the notice broken: `NoticeError`.
- Any other value that cannot be read is left unstated, with a `Concern`.
- A value that is a known placeholder is left unstated, with a concern.
- A notice that contradicts itself is read, and says so in a concern.
- Fields that no reader understands are kept in ``Alert.unread``.
"""
