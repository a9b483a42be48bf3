#include "cjrlinux.h"
