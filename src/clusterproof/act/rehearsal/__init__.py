"""Operations performed on a deployment under load, watched, and undone."""
