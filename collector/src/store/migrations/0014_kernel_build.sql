-- Which build of its release the running kernel of a machine is, where it says so.

ALTER TABLE fleet_host ADD COLUMN kernel_build TEXT;
