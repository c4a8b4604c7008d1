"""The installation itself: servers, worker, realms, permissions, the OpenAPI document."""
