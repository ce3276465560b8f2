"""Installation into a Fiji folder, and checks of the installation."""
