"""The documentation as a site: pages of docs/, a reference made of the code, links checked."""
