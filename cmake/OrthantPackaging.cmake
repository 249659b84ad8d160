# What is installed where, and the Debian package (cpack -G DEB). `orthantd_documents` makes the manual page and the completion scripts
# with the daemon itself: they come from the same table as its options.

include(GNUInstallDirs)

set(documents ${CMAKE_BINARY_DIR}/packaging)
add_custom_command(
  OUTPUT ${documents}/orthantd.8.gz ${documents}/orthantd.bash ${documents}/_orthantd ${documents}/orthantd.fish
  COMMAND ${CMAKE_COMMAND} -E make_directory ${documents}
  COMMAND $<TARGET_FILE:orthantd> --man > ${documents}/orthantd.8
  COMMAND gzip -9nf ${documents}/orthantd.8
  COMMAND $<TARGET_FILE:orthantd> --completion bash > ${documents}/orthantd.bash
  COMMAND $<TARGET_FILE:orthantd> --completion zsh > ${documents}/_orthantd
  COMMAND $<TARGET_FILE:orthantd> --completion fish > ${documents}/orthantd.fish
  DEPENDS orthantd
  VERBATIM)
add_custom_target(orthantd_documents
  DEPENDS ${documents}/orthantd.8.gz ${documents}/orthantd.bash ${documents}/_orthantd ${documents}/orthantd.fish)

# Packing must not build the tests: who packs builds orthantd, orthant and orthantd_documents before.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)

install(TARGETS orthantd orthant RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${documents}/orthantd.8.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${documents}/orthantd.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME orthantd)
install(FILES ${documents}/_orthantd DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${documents}/orthantd.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES packaging/orthantd.service DESTINATION lib/systemd/system)
install(FILES packaging/orthant.yaml DESTINATION /etc/orthant PERMISSIONS OWNER_READ OWNER_WRITE)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(FILES docs/settings.md docs/http_api.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES docs/how_to/operating.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/how_to)

set(CPACK_PACKAGE_NAME orthant)
set(CPACK_PACKAGE_VENDOR "Orthant")
set(CPACK_PACKAGE_CONTACT "The Orthant developers <orthant@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "vector retrieval engine around quantized embeddings")
set(CPACK_PACKAGE_DESCRIPTION "Text goes in, ranked documents come out: an embedding model, an index of quantized vectors and a store in one daemon that speaks Qdrant's and OpenAI's HTTP conventions.")
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
# What the binaries link against, as dpkg-shlibdeps finds it.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${CMAKE_SOURCE_DIR}/packaging/conffiles")
include(CPack)
