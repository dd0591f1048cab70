#pragma once
#include "cgroup.h"
