-- By which way a host is connected, or was last: QUIC, or TCP where UDP is blocked; NULL: nobody has looked yet.
ALTER TABLE host ADD COLUMN way TEXT CHECK (way IN ('quic', 'tcp'));
