"""Processes, devices and disks of this machine."""
