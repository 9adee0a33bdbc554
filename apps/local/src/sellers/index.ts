export { BINARY_GOODS, CATALOGUE, type Product } from './catalogue.js';
export { startExpressSeller, type ExpressSellerOptions } from './express-v2.js';
export { startFacilitator } from './facilitator.js';
export { startFailingSeller, type FailingSellerOptions } from './fails-after-payment.js';
export { newCounters, type Seller, type SellerCounters, type SellerOptions } from './seller.js';
export { startSellerV1 } from './v1.js';
