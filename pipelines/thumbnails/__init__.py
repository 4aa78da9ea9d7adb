"""Small pictures of all images, for people to look at."""
