"""What belongs to the products that are verified: nothing else in the package knows them."""
