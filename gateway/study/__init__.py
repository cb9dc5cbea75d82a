"""Who is found, who is held up: Gatepost's rules and a fixed threshold on the same people."""
