-- With turns.lua.
-- A provider works: other jobs may follow.
-- ARGV: provider, account (empty: this installation's), start of the attempt (ms).
-- Answers 1; 0: the attempt began before the end of a rest, so it proves nothing.
return show_life(ARGV[1], ARGV[2], ARGV[3]) and 1 or 0
