/* placeholder until the renderer lands */
int sonic_kernels_version(void) { return 1; }
