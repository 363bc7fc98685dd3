"""What the service is made of besides itself: packages, their licences and hashes, and what is known of them.

`python -m supply` is part of `make check`; `make audit` asks for more.
"""
