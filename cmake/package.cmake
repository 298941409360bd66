# `cmake --install` and the Debian package (tools/package). Installing needs the program only, not
# the tests.
include(GNUInstallDirs)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)

install(TARGETS tiketi RUNTIME DESTINATION bin)
install(FILES config/systemd/tiketi.service DESTINATION lib/systemd/system)
install(FILES config/systemd/tiketi.toml DESTINATION /etc/tiketi)
install(FILES config/embedded.toml config/loadtest.toml config/production.toml
        DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples")
install(FILES docs/architecture.md docs/operations.md docs/settings.md docs/webhooks.md
              docs/openapi.yaml
        DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES config/prometheus/alerts.yml DESTINATION share/tiketi/prometheus)
install(FILES config/grafana/tiketi.json DESTINATION share/tiketi/grafana)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tiketi)
set(CPACK_PACKAGE_VENDOR tiketi)
set(CPACK_PACKAGE_CONTACT "tiketi maintainers <maintainers@tiketi.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "ticketing backend for events that everybody wants to see")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Accounts, catalog, waiting room, seats, reservations, payments, resale,
memberships, community and statistics behind one REST API. Runs as one
process on SQLite, or on PostgreSQL, Redis and Kafka.")
set(CPACK_PACKAGE_INSTALL_DIRECTORY /usr)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION web)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, sqlite3")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${PROJECT_SOURCE_DIR}/config/systemd/conffiles;${PROJECT_SOURCE_DIR}/config/systemd/postinst;${PROJECT_SOURCE_DIR}/config/systemd/prerm")
include(CPack)
