// Of Boost's string algorithms, the one that the module uses.

#ifndef COMPAT_BOOST_ALGORITHM_STRING_HPP
#define COMPAT_BOOST_ALGORITHM_STRING_HPP

#include <cctype>
#include <string>

namespace boost {

inline std::string to_lower_copy(const std::string& text)
{
  std::string result;
  for (unsigned char character : text) {
    result += static_cast<char>(std::tolower(character));
  }
  return result;
}

} // namespace boost

#endif // COMPAT_BOOST_ALGORITHM_STRING_HPP
