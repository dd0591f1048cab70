import Glibc

/// What the programs that list rules are told.
enum ListingProgram {
    /// iptables-legacy takes a lock also to list: another one than the machine's, where the caller has named it.
    static var environment: [String] {
        let lock = getenv("XTABLES_LOCKFILE").map { ["XTABLES_LOCKFILE=\(String(cString: $0))"] } ?? []
        return ["LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"] + lock
    }
}
