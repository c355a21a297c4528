# Compiles the files of web/ into a library as a table (src/serve/request/web_files.hpp). So the server opens no file.
# SPDX-License-Identifier: Apache-2.0

if(CMAKE_SCRIPT_MODE_FILE)
  # cmake -DFOLDER=web -DOUTPUT=web_files.cpp -P web_files.cmake
  set(types "html=text/html; charset=utf-8" "js=text/javascript; charset=utf-8" "css=text/css; charset=utf-8"
    "svg=image/svg+xml" "ico=image/vnd.microsoft.icon" "png=image/png" "json=application/json")
  file(GLOB_RECURSE files RELATIVE ${FOLDER} ${FOLDER}/*)
  list(SORT files)
  set(arrays "")
  set(table "")
  set(number 0)
  foreach(file IN LISTS files)
    string(REGEX MATCH "[a-z]+$" suffix "${file}")
    set(type "")
    foreach(entry IN LISTS types)
      if(entry MATCHES "^${suffix}=(.*)$")
        set(type "${CMAKE_MATCH_1}")
      endif()
    endforeach()
    if(NOT type)
      continue()  # licences and notes are not served
    endif()
    file(SHA256 ${FOLDER}/${file} hash)
    string(SUBSTRING ${hash} 0 32 hash)
    file(READ ${FOLDER}/${file} bytes HEX)
    string(LENGTH "${bytes}" size)
    math(EXPR size "${size} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "constexpr unsigned char kFile${number}[] = {${bytes}0x00};\n")
    if(file STREQUAL "index.html")
      set(path "/")
    else()
      set(path "/${file}")
    endif()
    string(APPEND table
      "      {\"${path}\", \"${type}\", \"\\\"${hash}\\\"\", {reinterpret_cast<const char*>(kFile${number}), ${size}}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(WRITE ${OUTPUT}.new "// Made by cmake/web_files.cmake from web/.\n#include \"serve/request/web_files.hpp\"\n\n"
    "namespace freshframe::serve {\nnamespace {\n\n${arrays}\n"
    "const std::array<WebFile, ${number}> kWebFiles = {{\n${table}}};\n\n}  // namespace\n\n"
    "std::span<const WebFile> web_files() noexcept {\n  return kWebFiles;\n}\n\n"
    "}  // namespace freshframe::serve\n")
  file(COPY_FILE ${OUTPUT}.new ${OUTPUT})
  return()
endif()

function(freshframe_web_files target)
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_FILE})
  set(folder ${PROJECT_SOURCE_DIR}/web)
  set(output ${PROJECT_BINARY_DIR}/web_files.cpp)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${folder}/*)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DOUTPUT=${output} -P ${script}
    DEPENDS ${files} ${script} COMMENT "Compiling web/ into a table" VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
