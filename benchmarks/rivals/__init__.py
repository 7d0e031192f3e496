"""What people write instead of Darkroom, as small as their documentation shows it. Most run in the bench's environment."""
