import CKernel
import Glibc

/// Changes of one nftables table that happen together or not at all (a netlink batch: man 8 nft, "nft -f").
public struct NftTransaction: Sendable {
    public let table: String
    private var requests: [NetlinkRequest] = []
    private var sets: UInt32 = 0
    /// Elements of one set are sent a hundred to a message: a message each would be slower, one for all may not fit.
    private var pendingElements: [NftElement] = []
    private var pendingFlags: Int32 = 0
    /// The elements of each request, none for most: which of them was refused is told by its offset.
    private var elements: [[NftElement]] = []
    /// Something is deleted: closing the socket afterwards waits for the kernel's grace period.
    public private(set) var deletes = false

    public init(table: String) { self.table = table }

    public var isEmpty: Bool { requests.isEmpty && pendingElements.isEmpty }

    /// The table is made new (NLM_F_EXCL: the transaction fails with EEXIST when it stands).
    public mutating func addTable(_ family: NftFamily = .inet) throws(KernelError) {
        let table = table
        requests.append(
            try NftMessage.make(
                "add table \(family) \(table)", NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, family: family.number
            ) {
                $0.put(Int(NFTA_TABLE_NAME.rawValue), table)
            })
    }

    public mutating func add(_ set: NftSet) throws(KernelError) {
        sets += 1
        requests.append(try set.message(table: table, id: sets))
    }

    /// The chain without its rules, so that rules of other chains can jump to it.
    public mutating func add(_ chain: NftChain) throws(KernelError) {
        try flush()
        requests.append(try chain.message(table: table))
    }

    public mutating func addRules(_ rules: [NftRule], to chain: String, _ family: NftFamily = .inet) throws(KernelError)
    {
        try flush()
        for rule in rules { requests.append(try rule.message(table: table, chain: chain, family: family)) }
    }

    /// The element is made new; with `exclusive` the transaction fails with EEXIST when its key stands.
    public mutating func add(_ element: NftElement, exclusive: Bool) throws(KernelError) {
        let flags = exclusive ? NLM_F_CREATE | NLM_F_EXCL : NLM_F_CREATE
        if let last = pendingElements.last,
            last.set.name != element.set.name || last.set.family != element.set.family || pendingFlags != flags
                || pendingElements.count >= 100
        {
            try flush()
        }
        pendingFlags = flags
        pendingElements.append(element)
    }

    /// The element is removed; the transaction fails with ENOENT when it is not there.
    public mutating func delete(_ element: NftElementKey) throws(KernelError) {
        try flush()
        deletes = true
        requests.append(
            try NftMessage.make(
                "delete element \(hex(element.key, digits: 64)) of \(element.set)", NFT_MSG_DELSETELEM, 0,
                family: element.family.number
            ) { [table] in
                $0.put(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), table)
                $0.put(Int(NFTA_SET_ELEM_LIST_SET.rawValue), element.set)
                $0.nest(Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)) {
                    $0.nest(Int(NFTA_LIST_ELEM.rawValue)) { element.put(&$0) }
                }
            })
    }

    /// The chain is removed with its rules; the transaction fails with EBUSY when something else refers to it.
    public mutating func delete(chain: String) throws(KernelError) {
        try flush()
        deletes = true
        requests.append(
            try NftMessage.make("delete chain \(chain)", NFT_MSG_DELCHAIN, 0) { [table] in
                $0.put(Int(NFTA_CHAIN_TABLE.rawValue), table)
                $0.put(Int(NFTA_CHAIN_NAME.rawValue), chain)
            })
    }

    /// The chain has no rules; it stays, with what leads to it.
    public mutating func deleteRules(ofChain chain: String, _ family: NftFamily = .inet) throws(KernelError) {
        try flush()
        deletes = true
        requests.append(
            try NftMessage.make(
                "delete the rules of chain \(chain)", NFT_MSG_DELRULE, 0, family: family.number
            ) { [table] in
                $0.put(Int(NFTA_RULE_TABLE.rawValue), table)
                $0.put(Int(NFTA_RULE_CHAIN.rawValue), chain)
            })
    }

    /// A change that has no function of its own here, or is of another table, in the same transaction.
    public mutating func add(_ request: NetlinkRequest, deletes: Bool = false) throws(KernelError) {
        try flush()
        requests.append(request)
        if deletes { self.deletes = true }
    }

    private mutating func flush() throws(KernelError) {
        guard let first = pendingElements.first else { return }
        let (elements, table) = (pendingElements, table)
        while self.elements.count < requests.count { self.elements.append([]) }
        self.elements.append(elements)
        requests.append(
            try NftMessage.make(
                "add to \(first.set.name): \(first.command(table: table))", NFT_MSG_NEWSETELEM, pendingFlags,
                room: 512 + 512 * elements.count, family: first.set.family.number
            ) {
                $0.put(Int(NFTA_SET_ELEM_LIST_TABLE.rawValue), table)
                $0.put(Int(NFTA_SET_ELEM_LIST_SET.rawValue), first.set.name)
                $0.nest(Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)) {
                    for element in elements { $0.nest(Int(NFTA_LIST_ELEM.rawValue)) { element.put(&$0) } }
                }
            })
        pendingElements = []
    }

    mutating func finish() throws(KernelError) -> [NetlinkRequest] {
        try flush()
        return requests
    }

    /// What the kernel refused, in the request at `index`: `offset` is the refused attribute's in its bytes.
    func operation(_ index: Int, offset: Int?) -> String {
        let request = requests[index]
        guard let offset, elements.indices.contains(index), offset < request.bytes.count else {
            return request.operation
        }
        let elements = elements[index]
        let parts = Attribute.list(request.bytes.dropFirst(20)).last?.nested ?? []
        guard let place = parts.lastIndex(where: { $0.payload.startIndex <= offset + 4 }),
            elements.indices.contains(place)
        else {
            return request.operation
        }
        return "add to \(elements[place].set.name): \(elements[place].command(table: table))"
    }
}

extension NetlinkSocket {
    /// The whole transaction holds, or nothing has changed. Throws the first refusal, with the change it concerns.
    public mutating func commit(_ transaction: NftTransaction) throws(KernelError) {
        var transaction = transaction
        var requests = try transaction.finish()
        guard !requests.isEmpty else { return }
        var header = nfgenmsg()
        header.res_id = UInt16(NFNL_SUBSYS_NFTABLES).bigEndian
        requests.insert(
            try NetlinkRequest(
                "begin the nftables transaction", type: Int(NFNL_MSG_BATCH_BEGIN), flags: 0, header: header), at: 0)
        // Only the last change asks for an acknowledgement: a thousand would overrun the receive buffer, and a refused
        // change is reported without being asked.
        let last = requests.count - 1
        requests[last].number(0, addingFlags: NLM_F_ACK)
        requests.append(
            try NetlinkRequest(
                "commit the nftables transaction", type: Int(NFNL_MSG_BATCH_END), flags: 0, header: header))
        let first = try send(requests, flags: 0)
        var refusal: KernelError?
        var overrun: KernelError?
        while true {
            let replies: [NetlinkReply]
            do throws(KernelError) {
                replies = try receive(requests[last].operation)
            } catch  where error.errno == Errno(ENOBUFS) {
                // More refusals than the receive buffer holds: the first ones are in it, the rest is lost.
                replies = try waiting(requests[last].operation)
                overrun = error
            }
            for reply in replies where reply.type == NLMSG_ERROR {
                let index = Int(reply.sequence &- first)
                guard requests.indices.contains(index) else { continue }
                if refusal == nil {
                    let isChange = index > 0 && index <= last
                    let operation =
                        isChange
                        ? transaction.operation(index - 1, offset: NetlinkSocket.offset(reply))
                        : requests[index].operation
                    refusal = NetlinkSocket.failure(reply, operation)
                }
                if index == 0 || index >= last {
                    if let refusal { throw refusal }
                    return
                }
            }
            if let overrun { throw refusal ?? overrun }
        }
    }
}
