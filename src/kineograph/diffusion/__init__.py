"""What is under the noise? Schedules, denoisers, guidance, the one sampling loop, losses."""
