"""Runs in the emulator's own environment: ministack, what it lacks, and the door in front of PostgreSQL."""
