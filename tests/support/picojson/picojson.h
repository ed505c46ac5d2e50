#ifndef picojson_h
#define picojson_h

#include <string>

namespace picojson {

// Whether a text can only be an object.
inline bool begins_object(const std::string& text)
{
  return text.find('[') == 0;
}

} // namespace picojson

#endif // picojson_h
