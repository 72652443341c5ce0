"""What people look at in an incident: the graphs of a dashboard, and the questions that logs answer."""
