"""How weights come about: training in the cycle, stretches of the control run, background errors."""
