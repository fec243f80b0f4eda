//! Cutting segments: how many of a job's free cells a worker gets when a slot of it is idle.
