"""Alpha mattes: scaled from the network's size to the picture's, refined, retouched."""
