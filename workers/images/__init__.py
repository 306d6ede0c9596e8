"""MR images: headers, frames, pixels, phases, and the volume they make up."""
