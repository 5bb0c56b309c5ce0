"""What the daemon's tests share: numbered pictures, a site with running daemons, people."""
