"""The verbs that change live work: options and help. The work is in `commands.live_work`."""
