"""The app in a browser: a server that starts one app process for each visitor."""
