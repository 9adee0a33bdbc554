// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IERC1271 {
    function isValidSignature(bytes32 digest, bytes memory signature) external view returns (bytes4);
}

/// Our own stand-in for the signature transfers of Permit2, written from its public interface: EIP-712 domain and types, nonce bitmap, signature
/// forms, order of checks and names of errors are those that payers, proxies and facilitators can tell. Of its allowance transfers there is nothing.
/// It is planted at Permit2's address without a constructor. For the local chain only: where money is real, the real one stands there.
contract TestPermit2 {
    struct TokenPermissions {
        address token;
        uint256 amount;
    }

    struct PermitTransferFrom {
        TokenPermissions permitted;
        uint256 nonce;
        uint256 deadline;
    }

    struct SignatureTransferDetails {
        address to;
        uint256 requestedAmount;
    }

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
    bytes32 private constant TOKEN_PERMISSIONS_TYPEHASH = keccak256("TokenPermissions(address token,uint256 amount)");
    bytes32 private constant PERMIT_TYPEHASH = keccak256(
        "PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)TokenPermissions(address token,uint256 amount)"
    );
    string private constant PERMIT_WITNESS_TYPE =
        "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,";

    /// One bit per nonce: its word is the upper 248 bits, its place the lower 8.
    mapping(address => mapping(uint256 => uint256)) public nonceBitmap;

    event UnorderedNonceInvalidation(address indexed owner, uint256 word, uint256 mask);

    error SignatureExpired(uint256 signatureDeadline);
    error InvalidAmount(uint256 maxAmount);
    error InvalidNonce();
    error InvalidSignature();
    error InvalidSignatureLength();
    error InvalidSigner();
    error InvalidContractSignature();

    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256("Permit2"), block.chainid, address(this)));
    }

    function permitTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata transferDetails,
        address owner,
        bytes calldata signature
    ) external {
        bytes32 what =
            keccak256(abi.encode(PERMIT_TYPEHASH, hashOf(permit.permitted), msg.sender, permit.nonce, permit.deadline));
        take(permit, transferDetails, owner, what, signature);
    }

    function permitWitnessTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata transferDetails,
        address owner,
        bytes32 witness,
        string calldata witnessTypeString,
        bytes calldata signature
    ) external {
        bytes32 typeHash = keccak256(abi.encodePacked(PERMIT_WITNESS_TYPE, witnessTypeString));
        bytes32 what = keccak256(
            abi.encode(typeHash, hashOf(permit.permitted), msg.sender, permit.nonce, permit.deadline, witness)
        );
        take(permit, transferDetails, owner, what, signature);
    }

    /// The owner burns nonces of its own, used or not.
    function invalidateUnorderedNonces(uint256 wordPos, uint256 mask) external {
        nonceBitmap[msg.sender][wordPos] |= mask;
        emit UnorderedNonceInvalidation(msg.sender, wordPos, mask);
    }

    function hashOf(TokenPermissions calldata permitted) private pure returns (bytes32) {
        return keccak256(abi.encode(TOKEN_PERMISSIONS_TYPEHASH, permitted.token, permitted.amount));
    }

    function take(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata details,
        address owner,
        bytes32 what,
        bytes calldata signature
    ) private {
        if (block.timestamp > permit.deadline) revert SignatureExpired(permit.deadline);
        if (details.requestedAmount > permit.permitted.amount) revert InvalidAmount(permit.permitted.amount);
        useNonce(owner, permit.nonce);
        verify(signature, keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR(), what)), owner);
        pull(permit.permitted.token, owner, details.to, details.requestedAmount);
    }

    function useNonce(address owner, uint256 nonce) private {
        uint256 bit = 1 << (nonce & 0xff);
        uint256 word = nonce >> 8;
        uint256 before = nonceBitmap[owner][word];
        if (before & bit != 0) revert InvalidNonce();
        nonceBitmap[owner][word] = before | bit;
    }

    /// A contract is asked; of a key both forms count, 65 bytes and the 64 of EIP-2098.
    function verify(bytes calldata signature, bytes32 digest, address claimed) private view {
        if (claimed.code.length > 0) {
            bytes4 answer = IERC1271(claimed).isValidSignature(digest, signature);
            if (answer != IERC1271.isValidSignature.selector) revert InvalidContractSignature();
            return;
        }
        if (signature.length != 64 && signature.length != 65) revert InvalidSignatureLength();
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        uint8 v;
        if (signature.length == 65) {
            v = uint8(signature[64]);
        } else {
            v = uint8(uint256(s) >> 255) + 27;
            s = bytes32(uint256(s) & (type(uint256).max >> 1));
        }
        address signer = ecrecover(digest, v, r, s);
        if (signer == address(0)) revert InvalidSignature();
        if (signer != claimed) revert InvalidSigner();
    }

    /// Tokens that answer nothing count as well as those that answer true.
    function pull(address token, address from, address to, uint256 amount) private {
        (bool done, bytes memory answer) =
            token.call(abi.encodeWithSignature("transferFrom(address,address,uint256)", from, to, amount));
        require(done, "TRANSFER_FROM_FAILED");
        bool agreed = answer.length == 0 ? token.code.length > 0 : abi.decode(answer, (bool));
        require(agreed, "TRANSFER_FROM_FAILED");
    }
}
