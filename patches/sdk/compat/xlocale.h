// Where there is no xlocale.h, locale.h has all that it was for.
#pragma once

#include <locale.h>
