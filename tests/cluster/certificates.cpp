#include "tests/cluster/certificates.hpp"

#include <cstdio>
#include <memory>
#include <stdexcept>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace tiketi::test {

namespace {

using key_ptr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using certificate_ptr = std::unique_ptr<X509, decltype(&X509_free)>;

key_ptr make_key() {
  return {EVP_EC_gen("P-256"), &EVP_PKEY_free};
}

certificate_ptr make_certificate(EVP_PKEY* key, const std::string& name, long serial,
                                 EVP_PKEY* signer, X509* issuer) {
  certificate_ptr out{X509_new(), &X509_free};
  X509_set_version(out.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), 3600);
  X509_set_pubkey(out.get(), key);
  auto* subject = X509_get_subject_name(out.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(out.get(), issuer == nullptr ? subject : X509_get_subject_name(issuer));
  if (issuer == nullptr) {
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> is_ca{
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE"),
        &X509_EXTENSION_free};
    X509_add_ext(out.get(), is_ca.get(), -1);
  }
  if (X509_sign(out.get(), signer, EVP_sha256()) == 0)
    throw std::runtime_error("cannot sign a certificate");
  return out;
}

template <class F>
void write(const std::string& path, F content) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "w"),
                                                             &std::fclose};
  if (!file || content(file.get()) != 1)
    throw std::runtime_error("cannot write " + path);
}

} // namespace

certificates::certificates() {
  const auto ca_key = make_key();
  const auto authority = make_certificate(ca_key.get(), "test CA", 1, ca_key.get(), nullptr);
  write(ca(), [&](std::FILE* f) { return PEM_write_X509(f, authority.get()); });
  long serial = 1;
  for (const std::string node : {"a", "b"}) {
    const auto node_key = make_key();
    const auto made =
        make_certificate(node_key.get(), node, ++serial, ca_key.get(), authority.get());
    write(certificate(node), [&](std::FILE* f) { return PEM_write_X509(f, made.get()); });
    write(key(node), [&](std::FILE* f) {
      return PEM_write_PrivateKey(f, node_key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
}

std::string certificates::ca() const {
  return folder_.file("ca.pem");
}

std::string certificates::certificate(const std::string& node) const {
  return folder_.file(node + ".pem");
}

std::string certificates::key(const std::string& node) const {
  return folder_.file(node + ".key");
}

} // namespace tiketi::test
