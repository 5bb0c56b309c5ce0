"""From a matte to the finished cut-out: colours, frame, background, shadow."""
