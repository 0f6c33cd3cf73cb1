"""Learning dynamics of deep linear networks: exact solutions and fast simulation."""

__version__ = "0.1.0"
