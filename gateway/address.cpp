#include "gateway/address.hpp"
