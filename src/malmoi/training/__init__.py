"""Learning by gradient: a generator of events over a state that can be saved at any of them."""
