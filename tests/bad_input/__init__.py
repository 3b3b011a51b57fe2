"""Bad input and bad surroundings: each is one clear line, a hint that is true, and the right exit code."""
