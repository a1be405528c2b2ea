"""How the papers run their experiments in a tray."""

NUM_OBJECTS = 15  # in a tray at the start (paper, section 6)
EPISODE_ATTEMPTS = 30  # after them an episode ends, empty or not (paper, section 6.1)
POOL_SIZE = 40  # shapes that the longer on-robot run draws from (paper, section 6.2)
RESAMPLE_EVERY = 100  # attempts after which it draws 15 of them anew
