"""Stories of the station's file: settings, registry, and the files that ship."""
