"""What AUTO-DIP is compared with, behind one interface."""
