"""Stories from end to end: real processes, a real link, and the books of a Central System at the end."""
