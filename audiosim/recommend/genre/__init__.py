"""Genre: models that tell it from features, and how well they do on artists that they have not heard."""
