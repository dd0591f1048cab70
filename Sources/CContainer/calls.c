#include "CContainer.h"
