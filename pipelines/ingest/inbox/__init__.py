"""The inbox: what users drop under `incoming/` of the lake, batch by batch, and the tables it goes into."""
