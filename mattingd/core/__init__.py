"""Pure decisions: no disk, no clock, no process, no logging. Facts and the time in, commands out."""
