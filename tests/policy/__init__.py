"""The policy pack: each rule kept and broken, what is excused, and pull requests that the real CLI blocks."""
