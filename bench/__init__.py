"""Times the synth beside its peers; run it with ``make bench``."""
