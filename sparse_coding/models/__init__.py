"""Networks: layers, objectives, weights files, devices."""
